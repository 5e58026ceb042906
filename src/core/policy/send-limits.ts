/** How many messages may be sent, to whom, and what they may cost. */
import { z } from 'zod';

const count = (otherwise: number) => z.number().int().min(1).default(otherwise);
const amount = (otherwise: number) => z.number().min(0).default(otherwise);

/** Limits of what is sent; costs in the currency of the providers. */
export const sendLimitsSchema = z.strictObject({
  per_destination_in_10_minutes: count(5),
  per_destination_per_day: count(10),
  per_user_per_day: count(15),
  /** Of numbers that begin alike: pumping shows there. */
  per_prefix_per_hour: count(100),
  spend_per_day: amount(100),
  spend_per_prefix_per_day: amount(20),
});
export type SendLimits = z.infer<typeof sendLimitsSchema>;
