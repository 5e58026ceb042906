/** How much there is in a parsed value: its cost is what is counted, before anything is done with it. */

/** Whether there are more values in one, or more letters in its texts and names, than these; looked at no further than that. */
export function isLargerThan(value: unknown, most: { values: number; letters: number }): boolean {
  const waiting = [value];
  let values = 0;
  let letters = 0;
  while (waiting.length > 0) {
    const next = waiting.pop();
    values += 1;
    if (typeof next === 'string') letters += next.length;
    if (letters > most.letters) return true;
    if (typeof next !== 'object' || next === null) continue;
    if (Array.isArray(next)) {
      if (values + waiting.length + next.length > most.values) return true;
      for (const each of next) waiting.push(each);
      continue;
    }
    const entries = Object.entries(next);
    if (values + waiting.length + entries.length > most.values) return true;
    for (const [name, each] of entries) {
      letters += name.length;
      waiting.push(each);
    }
  }
  return false;
}
