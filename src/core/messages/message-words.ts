/** The words of a message with a code: short enough for one SMS, and of the GSM alphabet, in which 160 characters are one. */

/** @param number which code it is: people type the one that came first */
export function wordsOf(code: string, number: number): { subject: string; text: string } {
  const which = number > 1 ? ` (code ${number})` : '';
  return {
    subject: `Your code is ${code}${which}`,
    text: `${code} is your code${which} to set up sign-in. It ends in 10 minutes. Nobody will ask you for it: never tell it to anyone.`,
  };
}
