/**
 * What each operation answers, by its `operationId`. The work of a route is held to these types, and `npm run answers` makes the schemas of the
 * OpenAPI document from them.
 */

import type { ImportCounts } from '../../collect/import/import.ts';
import type { Rejection } from '../../collect/intake/batch.ts';
import type { Forgotten } from '../../collect/people/forget.ts';
import type { PseudonymStatus } from '../../collect/people/people.ts';
import type { Incident } from '../../detect/incidents/incident.ts';
import type { LeadSeries } from '../../detect/incidents/lead-series.ts';
import type { FailedAttempt } from '../../detect/incidents/measure.ts';
import type { Suppression } from '../../detect/incidents/suppressions.ts';
import type { Panel } from '../../publish/panels/panel.ts';
import type { ActiveAlert } from '../../slo/evaluate/companion-watch.ts';
import type { TestedRoute } from '../../slo/evaluate/notifications.ts';
import type { AttemptDetail } from '../../slo/inquiry/attempt-detail.ts';
import type { Backtest, Suggestion } from '../../slo/inquiry/backtest.ts';
import type { ShownMaintenance, SloDetail } from '../../slo/inquiry/budget.ts';
import type { Explanation } from '../../slo/inquiry/explain.ts';
import type { GateVerdict } from '../../slo/inquiry/gate.ts';
import type { SloReport } from '../../slo/measure/report.ts';
import type { LoaderStats } from '../../store/load/loader.ts';
import type { AuditVerdict } from '../../store/records/audit-chain.ts';
import type { Finding } from '../../store/records/finding-life.ts';
import type { ShownKey } from '../access/keys.ts';
import type { ShownDashboard } from '../dashboards.ts';
import type { Diagnosis } from '../doctor.ts';
import type { ShownEvent } from '../event-stream.ts';
import type { Overview } from '../overview.ts';
import type { Runbook, RunbookEntry } from '../runbooks.ts';
import type { ShownSource } from '../sources.ts';
import type { VaultRotation, VaultStatus } from './vault-control.ts';

/** What became of events. */
export interface TakenEvents {
  accepted: number;
  /** Known already, whatever their content. */
  duplicates: number;
  /** The first thousand of them. */
  rejected: Rejection[];
  /** Of all, where there are more. */
  rejected_total?: number;
}

/** What would become of events: nothing of them was kept. */
export interface TriedEvents {
  dry_run: true;
  valid: number;
  rejected: Rejection[];
  rejected_total?: number;
}

/** Of an OTLP request, as its specification has it. */
export interface OtlpAnswer {
  partialSuccess?: { rejectedSpans?: string; rejectedLogRecords?: string; errorMessage?: string };
}

/** An incident as commands and API show it; times are RFC 3339, and null where that has not come yet. */
export interface ShownIncident
  extends Pick<Incident, 'id' | 'title' | 'severity' | 'status' | 'cause' | 'users' | 'attempts' | 'assignee' | 'mergedInto'> {
  /** When its first sign began, when Muster knew of it, and when somebody was told. */
  start: string;
  detected: string;
  notified: string | null;
  acknowledged: string | null;
  /** When its signs ended, and when it was over. */
  mitigated: string | null;
  end: string | null;
  lastSign: string;
  /** Shares of error budgets that were lost meanwhile, largest first. */
  slos: { slo: string; budgetSpent: number }[];
  /** Ids of its findings. */
  findings: string[];
  /** What was changed last before it began. */
  change: { type: string; deployment: string; time: string } | null;
  /** Flags, alerts and findings that it is made of. */
  signals: {
    source: 'flag' | 'alert' | 'finding';
    /** The detector, or the SLO whose budget burns. */
    name: string;
    /** The metric, or the severity of the alert. */
    of: string;
    dimension: string;
    value: string;
    start: string;
    end: string;
    severity: 'page' | 'ticket';
  }[];
}

/** What somebody did with an incident. */
export interface IncidentLogEntry {
  at: string;
  actor: string;
  act: string;
  reason: string;
}

/** One incident in full. */
export interface IncidentDetail extends ShownIncident {
  failed: FailedAttempt[];
  log: IncidentLogEntry[];
  /** The series that shows it best; null where none is flagged, or nothing is known of it any more. */
  series: LeadSeries | null;
  /** Those of the same cause before it. */
  before: ShownIncident[];
}

/** Where what failed in an incident came from. */
export interface IncidentCauses {
  /** Id of the SLI whose failures these are; null where its signs speak of none that counts failures. */
  sli: string | null;
  /** The first value of each dimension, and of pairs of dimensions that say more, in the order of explain. */
  causes: Explanation[];
  /** How it failed: error codes, most failures first. */
  errors: { code: string; bad: number }[];
  /** Whether the deploy before it is not why: enough attempts were of it, and it does not stand out. */
  isChangeRuledOut: boolean;
}

/** What is held back. */
export interface ShownSuppression extends Omit<Suppression, 'sinceMs' | 'untilMs'> {
  since: string;
  until: string;
  /** Minutes that were flagged meanwhile and are in no incident. */
  heldBack: number;
}

/** A finding as commands and API show it. */
export interface ShownFinding extends Omit<Finding, 'startMs' | 'endMs' | 'decidedMs' | 'incident' | 'assignee'> {
  /** The incident that it is part of; empty while it is in none. */
  incident: string;
  /** Who has that incident; empty while nobody does. */
  assignee: string;
  start: string;
  end: string | null;
  decidedAt: string | null;
}

/** A key with its secret, which is told here and never again. */
export interface ToldKey extends ShownKey {
  key: string;
}

/** What the loader has done, and how far it is behind. */
export interface LoaderState extends LoaderStats {
  lagSeconds: number;
}

/** Announced maintenance, and the SLO that it concerns; `*` for all. */
export interface AnnouncedMaintenance extends ShownMaintenance {
  slo: string;
}

/** The figures of a panel, and the statement that they come from. */
export interface PanelFigures extends Pick<Panel, 'name' | 'title' | 'description' | 'matrix' | 'thresholds'> {
  from: string;
  to: string;
  sql: string;
  rows: Record<string, unknown>[];
}

/** What became of the records of a delivery; of one that was taken in before, nothing is read again. */
export type ReceivedDelivery =
  | Pick<ImportCounts, 'read' | 'accepted' | 'duplicates' | 'ignored' | 'rejected' | 'errors'>
  | { read: 0; repeated: true };

export interface Answers {
  sendEvents: TakenEvents | TriedEvents;
  receiveDelivery: ReceivedDelivery;
  answerHandshake: { verification: string };
  sendTraces: OtlpAnswer;
  sendLogs: OtlpAnswer;
  getOverview: Overview;
  getAttempt: AttemptDetail;
  getLoader: LoaderState;
  listPanels: Panel[];
  getPanel: PanelFigures;
  listDashboards: ShownDashboard[];
  listRunbooks: RunbookEntry[];
  getRunbook: Runbook;
  listRecentEvents: ShownEvent[];
  listSlos: SloReport[];
  getSloDetail: SloDetail;
  backtestSlo: Backtest;
  suggestObjective: Suggestion;
  explainSlo: Explanation[];
  judgeGate: GateVerdict[];
  backtestSloFile: Backtest;
  suggestForSloFile: Suggestion[];
  judgeSloFile: GateVerdict[];
  listMaintenance: AnnouncedMaintenance[];
  addMaintenance: AnnouncedMaintenance;
  listIncidents: ShownIncident[];
  getIncident: IncidentDetail;
  explainIncident: IncidentCauses;
  actOnIncident: ShownIncident;
  listSuppressions: ShownSuppression[];
  endSuppressions: { ended: number };
  listFindings: ShownFinding[];
  getFinding: ShownFinding;
  dismissFinding: ShownFinding;
  mergeFinding: ShownFinding;
  listAlerts: ActiveAlert[];
  importRecords: ImportCounts;
  importByMapping: ImportCounts;
  listSources: ShownSource[];
  retryRejected: ImportCounts;
  testAlerts: TestedRoute[];
  examine: Diagnosis[];
  revealPerson: { ref: string; identifier: string };
  forgetPerson: Forgotten;
  listPseudonyms: PseudonymStatus;
  rotatePseudonyms: PseudonymStatus;
  retirePseudonyms: PseudonymStatus;
  verifyAudit: AuditVerdict;
  getVault: VaultStatus;
  rotateVault: VaultRotation;
  getSession: { name: string | null };
  listKeys: ShownKey[];
  createKey: ToldKey;
  rotateKey: ToldKey;
  revokeKey: ShownKey;
}
