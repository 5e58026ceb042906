/** What a page shows before it has anything to show. */
export function Waiting({ problem }: { problem: string | undefined }) {
  return (
    <>
      <div className="verdict">
        <h1>{problem ? 'Muster is starting.' : 'Loading.'}</h1>
      </div>
      <p className="note">{problem ?? 'Asking for the figures.'}</p>
    </>
  );
}
