/** Mail through an SMTP server. */
import { createTransport } from 'nodemailer';
import { z } from 'zod';
import { ProviderError, type ProviderErrorClass, type ProviderKind, providerFields, secretFile } from './provider.ts';

const settings = z
  .strictObject({
    kind: z.literal('smtp'),
    ...providerFields('email'),
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535).default(587),
    /** `starttls` is asked for, and without it nothing is sent. */
    security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
    user: z.string().min(1).optional(),
    password_file: secretFile.optional(),
    from: z.string().min(1),
  })
  .refine(({ user, password_file }) => (user === undefined) === (password_file === undefined), {
    message: 'user and password_file go together',
    path: ['user'],
  });

interface SmtpError {
  responseCode?: number;
  response?: string;
  code?: string;
}

export const smtp: ProviderKind<typeof settings> = {
  settings,
  async open({ host, port, security, user, password_file: passwordFile, from, timeout }, { secret }) {
    const timeoutMs = timeout * 1_000;
    const transport = createTransport({
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      ...(user !== undefined && passwordFile !== undefined && { auth: { user, pass: await secret(passwordFile) } }),
      // An address is data: no file and no other server is read because of what stands in a message.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const domain = from.slice(from.lastIndexOf('@') + 1).replace(/>$/, '');
    return {
      async send({ id, to, subject, text }) {
        try {
          // The same id for each try: a mailbox shows a message that came twice once.
          const messageId = `<${id}@${domain}>`;
          await transport.sendMail({
            from,
            to: { name: '', address: to },
            subject,
            text,
            messageId,
            headers: { 'Auto-Submitted': 'auto-generated' },
          });
          return { reference: messageId };
        } catch (error) {
          const told = error as SmtpError;
          throw new ProviderError(classOf(told), told.responseCode === undefined ? (told.code ?? 'failed') : enhanced(told), error);
        }
      },
    };
  },
};

/** RFC 3463: class.subject.detail, or the plain code. */
const enhanced = ({ response = '', responseCode }: SmtpError): string =>
  /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})/.exec(response)?.[1] ?? String(responseCode);

function classOf(error: SmtpError): ProviderErrorClass {
  const { responseCode = 0 } = error;
  const code = enhanced(error);
  if (responseCode === 535 || code.startsWith('5.7.8') || code.startsWith('5.7.9')) return 'internal';
  if (code.startsWith('5.1.')) return 'validation';
  if (code.startsWith('5.7.') || responseCode === 554) return 'policy';
  return 'provider';
}
