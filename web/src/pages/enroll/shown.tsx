/** What a challenge shows once: where the code went, the codes to keep, the QR code, the number. */
import type { Enrollment } from './core-api.ts';
import type { Words } from './words.ts';

interface Props {
  words: Words;
  factor: Enrollment['factor_type'];
  challenge: NonNullable<Enrollment['challenge']>;
}

const inFours = (secret: string) => secret.match(/.{1,4}/g)?.join(' ') ?? secret;

export function Shown({ words, factor, challenge }: Props) {
  return (
    <>
      {challenge.sent_to !== undefined && <p role="status">{words.sentTo(challenge.sent_to)}</p>}
      {(challenge.code_number ?? 1) > 1 && <p className="quiet">{words.codeNumber(challenge.code_number ?? 1)}</p>}
      {challenge.codes && (
        <>
          <p>{words.keepCodes}</p>
          <ol className="codes">
            {challenge.codes.map((code) => (
              <li key={code}>
                <code>{code}</code>
              </li>
            ))}
          </ol>
        </>
      )}
      <p>{words.factors[factor].how}</p>
      {challenge.qr_svg !== undefined && (
        <>
          <img
            className="qr"
            src={`data:image/svg+xml;utf8,${encodeURIComponent(challenge.qr_svg)}`}
            alt={words.qr}
            width={232}
            height={232}
          />
          <details>
            <summary>{words.secret}</summary>
            <code className="secret">{inFours(challenge.secret ?? '')}</code>
          </details>
        </>
      )}
      {challenge.number !== undefined && (
        <>
          <p className="quiet">{words.device}</p>
          <dl>
            <dt>{words.number}</dt>
            <dd>{challenge.number}</dd>
          </dl>
        </>
      )}
    </>
  );
}
