/** As the server says it while its store opens. */
const STARTING = /^Muster is starting/;

/** What a page shows before it has anything to show, or when there is nothing. */
export function Waiting({ problem }: { problem: string | undefined }) {
  return (
    <>
      <div className="verdict">
        <h1>{problem === undefined ? 'Loading.' : STARTING.test(problem) ? 'Muster is starting.' : 'This cannot be shown.'}</h1>
      </div>
      <p className="note">{problem ?? 'Asking for the figures.'}</p>
    </>
  );
}
