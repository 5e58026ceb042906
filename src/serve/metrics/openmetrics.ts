/** The text of `/metrics` as OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), for those who ask for it. */
import { Registry } from 'prom-client';

const PLAIN = 'text/plain;version=0.0.4';
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0';

/** Whether somebody would rather have it. @param accepts the best of some types for whoever asks, or false */
export const wantsOpenMetrics = (accepts: (types: string[]) => string | false): boolean => accepts([PLAIN, OPENMETRICS]) === OPENMETRICS;

export const OPENMETRICS_CONTENT_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

/**
 * The same families and samples: there a counter is called without `_total` where it is described, nothing is parted by empty lines, and the end is
 * marked. The library's own rendering renames its counters for good, and with them those of the other format.
 * @param text of the format 0.0.4
 */
export const openMetricsOf = (text: string): string =>
  `${text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^(# (?:HELP|TYPE) \S+?)_total(?= )/, '$1'))
    .join('\n')}\n# EOF\n`;
