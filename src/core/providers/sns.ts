/** Amazon SNS: messages to phone numbers, through the SDK, which signs them. */
import { z } from 'zod';
import { ProviderError, type ProviderErrorClass, type ProviderKind, providerFields, secretFile } from './provider.ts';

const settings = z.strictObject({
  kind: z.literal('sns'),
  ...providerFields('sms'),
  aws_region: z.string().regex(/^[a-z0-9-]+$/),
  access_key_id: z.string().min(1),
  secret_access_key_file: secretFile,
  sender_id: z.string().min(1).max(11).optional(),
  /** Most that a message may cost, in US dollars. */
  max_price: z.number().gt(0).optional(),
  url: z.url().optional(),
});

const CLASSES: Readonly<Record<string, ProviderErrorClass>> = {
  InvalidParameter: 'validation',
  InvalidParameterException: 'validation',
  UserErrorException: 'validation',
  OptedOut: 'policy',
  OptedOutException: 'policy',
  AuthorizationError: 'internal',
  AuthorizationErrorException: 'internal',
  InvalidClientTokenId: 'internal',
  SignatureDoesNotMatch: 'internal',
};

const text = (value: string) => ({ DataType: 'String', StringValue: value });

export const sns: ProviderKind<typeof settings> = {
  settings,
  async open(
    { aws_region: region, access_key_id: accessKeyId, secret_access_key_file: file, sender_id: sender, max_price: maxPrice, url },
    { secret },
  ) {
    // Only who uses it waits for its code.
    const { PublishCommand, SNSClient } = await import('@aws-sdk/client-sns');
    const client = new SNSClient({
      region,
      credentials: { accessKeyId, secretAccessKey: await secret(file) },
      // Tries are counted in one place, for every provider alike.
      maxAttempts: 1,
      ...(url !== undefined && { endpoint: url }),
    });
    const attributes = {
      'AWS.SNS.SMS.SMSType': text('Transactional'),
      ...(sender !== undefined && { 'AWS.SNS.SMS.SenderID': text(sender) }),
      ...(maxPrice !== undefined && { 'AWS.SNS.SMS.MaxPrice': { DataType: 'Number', StringValue: String(maxPrice) } }),
    };
    return {
      async send({ to, text: message }, signal) {
        const command = new PublishCommand({ PhoneNumber: to, Message: message, MessageAttributes: attributes });
        try {
          const { MessageId: reference } = await client.send(command, { abortSignal: signal });
          if (reference) return { reference };
        } catch (error) {
          const name = error instanceof Error ? error.name : '';
          throw new ProviderError(CLASSES[name] ?? 'provider', name === 'AbortError' ? 'timeout' : name, error);
        }
        throw new ProviderError('provider', 'no_message_id');
      },
    };
  },
};
