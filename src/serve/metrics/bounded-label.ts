/** Labels whose values come from outside have a bound: each value is a series that Prometheus keeps. */

/** Values of a label beyond this many are `other`. */
const MAX_LABEL_VALUES = 50;

/** Lets the first values of a label through, by their order of arrival. */
export function boundedLabel(): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (!seen.has(value) && seen.size >= MAX_LABEL_VALUES) return 'other';
    seen.add(value);
    return value;
  };
}
