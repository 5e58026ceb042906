/** Icons: one stroke, one size, always beside a word. */
import type { SloState } from '../api.ts';

const PATHS: Record<SloState | 'overview' | 'incidents' | 'findings' | 'slos' | 'sources' | 'runbook' | 'dashboard' | 'mark', string> = {
  page: 'M6 1.5h4L14.5 6v4L10 14.5H6L1.5 10V6zM8 4.5v4M8 11v.5',
  ticket: 'M8 2 15 14H1zM8 6.5v4M8 12v.3',
  missed: 'M2.5 13.5 13.5 2.5M8 2a6 6 0 1 0 .01 0M8 5a3 3 0 1 0 .01 0',
  too_few: 'M8 2a6 6 0 1 0 .01 0M5 8h.5M8 8h.5M11 8h.5',
  no_traffic: 'M8 2a6 6 0 1 0 .01 0M4 4l8 8',
  frozen: 'M8 1.5v13M2.4 4.8l11.2 6.4M13.6 4.8 2.4 11.2M6 2.5 8 4.5l2-2M6 13.5l2-2 2 2',
  maintenance: 'M10.5 2a3.5 3.5 0 0 0-3.2 4.9L2 12.2 3.8 14l5.3-5.3A3.5 3.5 0 0 0 14 5.5l-2 2-1.5-1.5 2-2a3.5 3.5 0 0 0-2-2z',
  healthy: 'M3 8.5 6.5 12 13 4.5',
  overview: 'M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z',
  incidents: 'M2 4h6M2 8h12M6 12h6',
  findings: 'M8 2l5 2v4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V4z',
  slos: 'M8 1.5a6.5 6.5 0 1 0 .01 0M8 4.5a3.5 3.5 0 1 0 .01 0M8 7.5v1',
  sources: 'M3 3.5c0-2 10-2 10 0v9c0 2-10 2-10 0zM3 3.5c0 2 10 2 10 0M3 8c0 2 10 2 10 0',
  runbook: 'M3 2h8l2 2v10H3zM5.5 6h5M5.5 8.5h5M5.5 11h3',
  dashboard: 'M2 13.5h12M4 11V7M8 11V3M12 11V5.5',
  mark: 'M3 3v10M6.3 3v10M9.6 3v10M13 3v10M1 11 15 5',
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
