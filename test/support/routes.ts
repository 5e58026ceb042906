/** Every route that is served, and the scope that it asks for: what is added without a line here fails two tests. */
const LINES = `
GET /healthz open
GET /readyz open
POST /login open
POST /logout open
GET / open
GET /login open
GET /enroll open
GET /overview open
GET /slos open
GET /slos/:name open
GET /attempts/:id open
GET /dashboards/:name open
GET /incidents open
GET /incidents/:id open
GET /runbooks open
GET /runbooks/:name open
POST /v1/events ingest
POST /v1/traces ingest
POST /v1/logs ingest
POST /api/import/:source ingest
GET /metrics read
GET /api/overview read
GET /api/slos read
GET /api/slos/:name/detail read
GET /api/slos/:name/backtest read
GET /api/slos/:name/suggest read
GET /api/slos/:name/explain read
POST /api/slo-files/backtest read
POST /api/slo-files/suggest read
POST /api/slo-files/gate read
GET /api/gate read
GET /api/maintenance read
GET /api/findings read
GET /api/alerts read
POST /api/query read
GET /api/attempts/:id read
GET /api/loader read
GET /api/panels read
GET /api/panels/:name read
GET /api/dashboards read
GET /api/runbooks read
GET /api/runbooks/:name read
GET /api/events/recent read
GET /api/events/stream read
GET /api/pseudonyms read
GET /api/audit/verify read
GET /api/openapi.json any
GET /api/vault read
POST /api/vault/rotate admin
GET /api/doctor read
GET /api/session read
POST /api/reveal reveal
POST /api/maintenance admin
DELETE /api/maintenance/:id admin
POST /api/findings/:id/dismissal admin
POST /api/findings/:id/merge admin
GET /api/incidents read
GET /api/incidents/:id read
GET /api/incidents/:id/causes read
POST /api/incidents/:id/acts admin
GET /api/suppressions read
POST /api/suppressions/end admin
POST /api/alerts/test admin
POST /api/rejected/retry admin
POST /api/backup admin+reveal
POST /api/forget admin
POST /api/pseudonyms/rotate admin
POST /api/pseudonyms/retire admin
GET /api/keys admin
POST /api/keys admin
POST /api/keys/:id/rotate admin
DELETE /api/keys/:id admin
POST /core/v1/enrollments core
POST /core/v1/enrollments/:id/verify core
POST /core/v1/enrollments/:id/resend core
GET /core/v1/enrollments/options core
GET /core/v1/enrollments/:id core
GET /core/v1/enrollments/:id/qr.png core
DELETE /core/v1/enrollments/:id core
GET /core/v1/users/:user/factors core
DELETE /core/v1/factors/:factor core
POST /core/v1/factors/:factor/suspend core
POST /core/v1/factors/:factor/resume core
POST /core/v1/factors/:factor/challenge core
POST /core/v1/factors/:factor/verify core
POST /core/v1/users/:user/deprovision core
POST /core/v1/users/:user/reset core
POST /core/v1/hardware-tokens core
`;

export const ROUTES = LINES.trim()
  .split('\n')
  .map((line) => {
    const [method = '', path = '', access = ''] = line.split(' ');
    return { method, path, access };
  });
