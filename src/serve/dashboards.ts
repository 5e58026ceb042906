/** The dashboards as Muster's own page shows them: panels without their SQL, which comes with their rows. */
import type { DashboardSpec } from '../publish/panels/panel.ts';
import { windowSeconds } from '../slo/arithmetic/windows.ts';
import type { Slo } from '../slo/definition/openslo.ts';

/** A dashboard as the page shows it. */
export function shownDashboard({ uid, title, question, from, panels }: DashboardSpec, slos: readonly Slo[]) {
  return {
    name: uid.slice('muster-'.length),
    /** `MFA enrollment: on call` is `On call` here: the page says the rest. */
    title: title.replace(/^.*: (.)/, (_, first: string) => first.toUpperCase()),
    question,
    /** Hours that it opens with. */
    hours: windowSeconds(from.slice('now-'.length)) / 3_600,
    panels: panels.map((file) => {
      const { sql, ...panel } = file(slos);
      return panel;
    }),
  };
}

export type ShownDashboard = ReturnType<typeof shownDashboard>;
export type ShownPanel = ShownDashboard['panels'][number];
