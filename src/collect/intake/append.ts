/** What intake makes durable: references, refused records, events and spans, each kind as records of the log. */
import { type ReferenceRow, referenceLine } from '../../store/records/reference-table.ts';
import type { Folding, PendingRoll } from '../../store/roll/pending-roll.ts';
import { type DeadLetter, deadLetterLine } from '../../store/rows/dead-letter-row.ts';
import type { RecordKind } from '../../store/rows/log-format.ts';
import { type SpanRow, spanLine } from '../../store/rows/span-row.ts';
import type { LineBuffer } from './line-buffer.ts';
import type { LogWriter } from './log-writer.ts';

/** A span is some kilobytes at most: records of the log stay small. */
const SPANS_PER_RECORD = 2_000;

/** Appends to a log; what is appended is durable when the promise resolves. */
export function createAppender({ log, folding, now }: { log: LogWriter; folding: Folding; now: () => number }) {
  return {
    /** References go first: an event in the log without the row of its user would be nobody's. Duplicates are written too: figures must not hang on what memory believes. */
    async keep(
      references: readonly ReferenceRow[],
      letters: readonly DeadLetter[],
      lines: LineBuffer,
      folded?: PendingRoll,
    ): Promise<void> {
      const appending: Promise<unknown>[] = [];
      const append = (kind: RecordKind, rows: readonly string[]) => {
        if (rows.length > 0) appending.push(log.append(Buffer.from(rows.join('')), rows.length, kind));
      };
      append('references', references.map(referenceLine));
      const nowMs = now();
      append(
        'letters',
        letters.map((letter) => deadLetterLine(letter, nowMs)),
      );
      const payloads = lines.payloads();
      for (const { bytes, rows } of payloads) {
        const appended = log.append(bytes, rows);
        // What fills several records is read off the log.
        const isWhole = folded !== undefined && payloads.length === 1;
        appending.push(isWhole ? appended.then((sequence) => folding.keep(sequence, folded)) : appended);
      }
      await Promise.all(appending);
    },
    async keepSpans(spans: readonly SpanRow[]): Promise<void> {
      if (spans.length === 0) return;
      const receivedAtMs = now();
      const records = [];
      for (let from = 0; from < spans.length; from += SPANS_PER_RECORD) {
        const part = spans.slice(from, from + SPANS_PER_RECORD);
        records.push(log.append(Buffer.from(part.map((span) => spanLine(span, receivedAtMs)).join('')), part.length, 'spans'));
      }
      await Promise.all(records);
    },
  };
}
