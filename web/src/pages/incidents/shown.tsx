/** How incidents and what they cost are written. */
import type { ReactNode } from 'react';
import type { ShownIncident } from '../../api.ts';
import { duration } from '../../parts/format.ts';
import { Icon } from '../../parts/icons.tsx';

export const STATUS: Readonly<Record<ShownIncident['status'], string>> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
  dismissed: 'Dismissed',
  merged: 'Merged',
};

export const isOver = ({ status }: Pick<ShownIncident, 'status'>): boolean => status !== 'open' && status !== 'acknowledged';

export const secondsBetween = (from: string, to: string | null): number | undefined =>
  to === null ? undefined : Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000);

export const lasted = (seconds: number | undefined): string => (seconds === undefined ? '–' : seconds < 1 ? 'at once' : duration(seconds));

/** A share of an error budget, which may be more than all of it. */
export const spentText = (budgetSpent: number): string => `${(100 * budgetSpent).toFixed(1)}\u00a0%`;

/** A name as the tables have it, for whoever reads it. */
export const words = (name: string): string => name.replaceAll('_', ' ').replaceAll(',', ' × ');

export const pathOf = (id: string): string => `/incidents/${encodeURIComponent(id)}`;

export function Fact({ label, value, note }: { label: string; value: ReactNode; note: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {value}
        <small>{note}</small>
      </dd>
    </div>
  );
}

export function Severity({ incident, children }: { incident: ShownIncident; children?: ReactNode }) {
  const { severity } = incident;
  return (
    <span className={`chip ${isOver(incident) ? 'inactive' : severity}`}>
      <Icon name={severity} />
      {severity === 'page' ? 'Page' : 'Ticket'}
      {children}
    </span>
  );
}
