/** What a Grafana reads at its start: data sources and where the dashboards are. */
import { stringify } from 'yaml';
import { DEFAULT_CLICKHOUSE_PORT } from '../../names.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';
import { CLICKHOUSE_PLUGIN } from './clickhouse-query.ts';

export const CLICKHOUSE_UID = 'muster-clickhouse';
export const PROMETHEUS_UID = 'muster-prometheus';
export const FOLDER = 'Muster';

const DATA_SOURCES = {
  apiVersion: 1,
  datasources: [
    {
      name: 'Muster ClickHouse',
      uid: CLICKHOUSE_UID,
      type: CLICKHOUSE_PLUGIN,
      access: 'proxy',
      editable: false,
      jsonData: {
        host: '127.0.0.1',
        port: DEFAULT_CLICKHOUSE_PORT,
        protocol: 'http',
        secure: false,
        username: 'grafana',
        defaultDatabase: 'muster',
        dialTimeout: '10',
        // Longer than a statement may run: what ends it says why.
        queryTimeout: '40',
      },
      // Grafana puts in the variable of its own environment.
      secureJsonData: { password: '$MUSTER_CLICKHOUSE_KEY' },
    },
    {
      name: 'Muster Prometheus',
      uid: PROMETHEUS_UID,
      type: 'prometheus',
      access: 'proxy',
      url: 'http://127.0.0.1:9090',
      editable: false,
      jsonData: { httpMethod: 'POST', timeInterval: '15s' },
    },
  ],
};

const PROVIDERS = {
  apiVersion: 1,
  providers: [
    {
      name: 'muster',
      orgId: 1,
      folder: FOLDER,
      folderUid: 'muster',
      type: 'file',
      disableDeletion: true,
      allowUiUpdates: false,
      updateIntervalSeconds: 30,
      options: { path: '/var/lib/grafana/dashboards/muster', foldersFromFilesStructure: false },
    },
  ],
};

/** Files for Grafana's `provisioning/datasources` and `provisioning/dashboards`. */
export const provisioningFiles = (): GeneratedFile[] =>
  Object.entries({ datasources: DATA_SOURCES, dashboards: PROVIDERS }).map(([folder, value]) => ({
    path: `dashboards/provisioning/${folder}/muster.yaml`,
    text: `# ${GENERATED_NOTE}\n${stringify(value, { lineWidth: 0 })}`,
  }));
