/** What can be done with an incident now. */
import type { ShownIncident } from '../../api.ts';
import { type Choice, ReasonForm } from '../../parts/reason-form.tsx';
import { pathOf } from './shown.tsx';

/** Each asks for a reason, but for the first thing that somebody does whom a page woke: that is one click. */
const ACTS: readonly (Choice & { when: readonly ShownIncident['status'][] })[] = [
  { body: { act: 'ack' }, words: 'Acknowledge', when: ['open'], isPrimary: true, otherwise: 'looking at it' },
  { body: { act: 'note' }, words: 'Add a note', when: ['open', 'acknowledged', 'resolved', 'dismissed'] },
  { body: { act: 'resolve' }, words: 'Resolve', when: ['open', 'acknowledged'] },
  { body: { act: 'dismiss' }, words: 'Dismiss', when: ['open', 'acknowledged', 'resolved'] },
];

export function Acts({ incident: { id, status }, onActed }: { incident: ShownIncident; onActed: () => void }) {
  const choices = ACTS.filter(({ when }) => when.includes(status));
  if (choices.length === 0) return null;
  const hint = 'Why, or the note; goes into the log';
  return <ReasonForm label="What to do" hint={hint} path={`/api${pathOf(id)}/acts`} choices={choices} onActed={onActed} />;
}
