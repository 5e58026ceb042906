/** Everything that `muster generate` writes, by what it is. */
import { EXAMPLES } from '../events/examples.ts';
import { eventJsonSchemas } from '../events/json-schema.ts';
import type { Slo } from '../slo/definition/openslo.ts';
import { alertmanagerConfig } from './alertmanager/config.ts';
import type { Escalation } from './alertmanager/escalation.ts';
import { type GeneratedFile, jsonText } from './generated.ts';
import { grafanaAlertRules, grafanaNotifications } from './grafana/alert-rules.ts';
import { dashboardFile } from './grafana/dashboard.ts';
import { provisioningFiles } from './grafana/provisioning.ts';
import { DASHBOARDS } from './panels/index.ts';
import { prometheusRuleTests } from './prometheus/rule-tests.ts';
import { type Links, prometheusRules } from './prometheus/rules.ts';

export interface GenerateInputs {
  slos: readonly Slo[];
  links: Links;
  escalation: Escalation;
}

export const GENERATORS = {
  dashboards: ({ slos, links }) => [...DASHBOARDS.map((spec) => dashboardFile(spec, slos, links)), ...provisioningFiles()],
  alerts: ({ slos, links, escalation }) => [
    prometheusRules(slos, links),
    prometheusRuleTests(slos, links),
    alertmanagerConfig(slos, escalation),
    grafanaAlertRules(slos, links),
    grafanaNotifications(escalation),
  ],
  schemas: () => [
    ...[...eventJsonSchemas()].map(([name, schema]) => ({ path: `schemas/events/${name}`, text: jsonText(schema) })),
    ...EXAMPLES.map((example) => ({ path: `schemas/examples/${example.type}.json`, text: jsonText(example) })),
  ],
} as const satisfies Record<string, (inputs: GenerateInputs) => GeneratedFile[]>;

export type GeneratorName = keyof typeof GENERATORS;
