/** The dashboards as Muster's own page shows them: panels without their SQL, which comes with their rows. */
import type { DashboardSpec, Panel } from '../publish/panels/panel.ts';
import { windowSeconds } from '../slo/arithmetic/windows.ts';
import type { Slo } from '../slo/definition/openslo.ts';

export type ShownPanel = Omit<Panel, 'sql'>;

export interface ShownDashboard {
  name: string;
  title: string;
  question: string;
  /** Hours that it opens with. */
  hours: number;
  panels: ShownPanel[];
}

/** A dashboard as the page shows it. */
export function shownDashboard({ uid, title, question, from, panels }: DashboardSpec, slos: readonly Slo[]): ShownDashboard {
  return {
    name: uid.slice('muster-'.length),
    /** `MFA enrollment: on call` is `On call` here: the page says the rest. */
    title: title.replace(/^.*: (.)/, (_, first: string) => first.toUpperCase()),
    question,
    hours: windowSeconds(from.slice('now-'.length)) / 3_600,
    panels: panels.map((file) => {
      const { sql, ...panel } = file(slos);
      return panel;
    }),
  };
}
