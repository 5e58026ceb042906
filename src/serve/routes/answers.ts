/**
 * What each operation answers, by its `operationId`. The work of a route is held to these types, and `npm run answers` makes the schemas of the
 * OpenAPI document from them.
 */
import type { ImportCounts } from '../../collect/import/import.ts';
import type { Rejection } from '../../collect/intake/batch.ts';
import type { Forgotten } from '../../collect/people/forget.ts';
import type { PseudonymStatus } from '../../collect/people/people.ts';
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

/** A finding as commands and API show it. */
export interface ShownFinding extends Omit<Finding, 'startMs' | 'endMs' | 'decidedMs'> {
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

export interface Answers {
  sendEvents: TakenEvents | TriedEvents;
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
  listFindings: ShownFinding[];
  dismissFinding: ShownFinding;
  mergeFinding: ShownFinding;
  listAlerts: ActiveAlert[];
  importRecords: ImportCounts;
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
