/** How findings are written. */
import type { ShownFinding } from '../../api.ts';
import { Icon } from '../../parts/icons.tsx';

export const STATUS: Readonly<Record<ShownFinding['status'], string>> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
  dismissed: 'Dismissed',
};

export const findingPath = (id: string): string => `/findings/${encodeURIComponent(id)}`;
const words = (name: string): string => name.replaceAll('_', ' ');

/** In one sentence, where its detector says one. */
export const summaryOf = ({ evidence, detector }: Pick<ShownFinding, 'evidence' | 'detector'>): string =>
  typeof evidence.summary === 'string' && evidence.summary !== '' ? evidence.summary : words(detector);

/** Its detector, and the places that it names. */
export const whereOf = ({ detector, dimensions }: Pick<ShownFinding, 'detector' | 'dimensions'>): string =>
  [words(detector), ...Object.entries(dimensions).map(([name, value]) => `${words(name)} ${value}`)].join(' · ');

export function FindingSeverity({ finding: { severity, end } }: { finding: Pick<ShownFinding, 'severity' | 'end'> }) {
  const level = severity === 'page' ? 'page' : 'ticket';
  return (
    <span className={`chip ${end === null ? level : 'inactive'}`}>
      <Icon name={level} />
      {level === 'page' ? 'Page' : 'Ticket'}
    </span>
  );
}
