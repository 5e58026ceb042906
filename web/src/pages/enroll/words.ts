/** The words of the enrollment page, by language. A language is one more entry: the compiler says what is missing in it. */
import type { FactorType } from '../../../../src/core/factors/index.ts';
import { Refusal } from './core-api.ts';

export interface Words {
  title: string;
  choose: string;
  lead: string;
  person: string;
  required: string;
  next: string;
  back: string;
  again: string;
  another: string;
  confirm: string;
  resend: string;
  renew: string;
  triesLeft: (count: number) => string;
  device: string;
  busy: string;
  done: (factor: string) => string;
  doneLead: string;
  stillMissing: (factors: string) => string;
  untilTime: (time: string) => string;
  sentTo: (to: string) => string;
  codeNumber: (number: number) => string;
  secret: string;
  qr: string;
  code: string;
  number: string;
  typeNumber: string;
  keepCodes: string;
  codesLeft: (count: number) => string;
  nextCode: string;
  /** Of what is sent, by factor. */
  restricted: { phone: string; mail: string };
  clock: (seconds: number) => string;
  /** By code; what is not here is told in the words of the server. */
  problems: Partial<Record<string, string>>;
  needsLink: string;
  nothing: string;
  factors: Record<FactorType, { name: string; about: string; detail?: string; how: string }>;
}

const en: Words = {
  title: 'Set up sign-in',
  choose: 'How do you want to confirm that it is you?',
  lead: 'Choose one now. You can add others later, so that a lost phone does not lock you out.',
  person: 'Your user name',
  required: 'Required by your organisation',
  next: 'Continue',
  back: 'Choose another way',
  again: 'Start again',
  another: 'Add another way',
  confirm: 'Confirm',
  resend: 'Send another code',
  renew: 'Show another number',
  triesLeft: (count) => (count === 1 ? 'One try is left.' : `${count} tries are left.`),
  device: 'This page stands in for your device: it makes a key that never leaves it.',
  busy: 'One moment',
  done: (factor) => `${factor} is set up`,
  doneLead: 'You can use it from your next sign-in on.',
  stillMissing: (factors) => `Your organisation also asks for: ${factors}.`,
  untilTime: (time) => `Finish by ${time}. After that, start again.`,
  sentTo: (to) => `A code is on its way to ${to}.`,
  codeNumber: (number) => `This is code ${number}; the one before still works.`,
  secret: 'Or type this key into the app',
  qr: 'QR code for your authenticator app. The key below says the same.',
  code: 'Code',
  number: 'Number on this screen',
  typeNumber: 'Type the number on your device',
  keepCodes: 'Keep these codes where you find them without your phone. They are shown only now, and each works once.',
  codesLeft: (count) => `${count} codes are left.`,
  nextCode: 'The next code that it shows',
  restricted: {
    phone: 'Codes over the telephone network can be intercepted, or the number taken over: prefer an app.',
    mail: 'Whoever can open your mailbox has the code: prefer an app.',
  },
  clock: (seconds) =>
    `The clock of the device is about ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}: set it to automatic time, and type the next code.`,
  problems: {},
  needsLink: 'Open this page from the application in which you are signed in: it gives you the link.',
  nothing: 'There is nothing for you to set up at present.',
  factors: {
    totp: {
      name: 'Authenticator app',
      about: 'An app shows a new code every half minute.',
      how: 'Scan this with your app, then type the code that it shows.',
    },
    hotp: {
      name: 'Authenticator app, by counter',
      about: 'An app shows a new code each time you ask.',
      how: 'Scan this with your app, then type the first code that it shows.',
    },
    sms: {
      name: 'Text message',
      about: 'A code comes to your phone.',
      detail: 'Mobile number, with its country',
      how: 'Type the code from the message.',
    },
    voice: {
      name: 'Phone call',
      about: 'A call reads a code to you.',
      detail: 'Phone number, with its country',
      how: 'Type the code that you hear.',
    },
    email: { name: 'E-mail', about: 'A code comes to your mailbox.', detail: 'E-mail address', how: 'Type the code from the mail.' },
    push: {
      name: 'App with number',
      about: 'Your device asks for the number that is shown here.',
      how: 'Type the number into your device: it signs your answer.',
    },
    recovery_code: {
      name: 'Recovery codes',
      about: 'Ten codes on paper, for when nothing else is at hand.',
      how: 'Then type one of them, to show that you have them. It is used up by that.',
    },
    hardware_otp: {
      name: 'Hardware token',
      about: 'A token from your organisation shows codes.',
      detail: 'Serial number on its back',
      how: 'Type the code that the token shows.',
    },
  },
};

const de: Words = {
  title: 'Anmeldung einrichten',
  choose: 'Womit möchten Sie bestätigen, dass Sie es sind?',
  lead: 'Wählen Sie jetzt eines. Weitere können später dazukommen, damit ein verlorenes Telefon Sie nicht aussperrt.',
  person: 'Ihr Benutzername',
  required: 'Von Ihrer Organisation verlangt',
  next: 'Weiter',
  back: 'Etwas anderes wählen',
  again: 'Neu beginnen',
  another: 'Weiteres hinzufügen',
  confirm: 'Bestätigen',
  resend: 'Neuen Code senden',
  renew: 'Andere Zahl zeigen',
  triesLeft: (count) => (count === 1 ? 'Ein Versuch bleibt.' : `${count} Versuche bleiben.`),
  device: 'Diese Seite steht für Ihr Gerät: Sie erzeugt einen Schlüssel, der sie nie verlässt.',
  busy: 'Einen Moment',
  done: (factor) => `${factor} ist eingerichtet`,
  doneLead: 'Ab der nächsten Anmeldung können Sie es verwenden.',
  stillMissing: (factors) => `Ihre Organisation verlangt außerdem: ${factors}.`,
  untilTime: (time) => `Bis ${time} abschließen. Danach beginnen Sie neu.`,
  sentTo: (to) => `Ein Code ist unterwegs an ${to}.`,
  codeNumber: (number) => `Das ist Code ${number}; der vorige gilt noch.`,
  secret: 'Oder diesen Schlüssel in die App eingeben',
  qr: 'QR-Code für Ihre Authenticator-App. Der Schlüssel darunter sagt dasselbe.',
  code: 'Code',
  number: 'Zahl auf diesem Bildschirm',
  typeNumber: 'Zahl auf Ihrem Gerät eingeben',
  keepCodes: 'Bewahren Sie diese Codes dort auf, wo Sie sie ohne Telefon finden. Sie werden nur jetzt gezeigt, und jeder gilt einmal.',
  codesLeft: (count) => `${count} Codes sind übrig.`,
  nextCode: 'Der nächste Code, den es zeigt',
  restricted: {
    phone: 'Codes über das Telefonnetz können abgefangen oder die Nummer übernommen werden: Besser ist eine App.',
    mail: 'Wer Ihr Postfach öffnen kann, hat den Code: Besser ist eine App.',
  },
  clock: (seconds) =>
    `Die Uhr des Geräts geht etwa ${Math.abs(seconds)} s ${seconds > 0 ? 'vor' : 'nach'}: Stellen Sie sie auf automatische Zeit, und geben Sie den nächsten Code ein.`,
  problems: {
    MUSTER_WRONG_PROOF: 'Der Code ist falsch oder wurde schon verwendet.',
    MUSTER_RATE_LIMITED: 'Das war zu oft. Versuchen Sie es später noch einmal.',
    MUSTER_POLICY_REFUSED: 'Ihre Organisation erlaubt das nicht. Wählen Sie etwas anderes.',
    MUSTER_DUPLICATE_FACTOR: 'Das haben Sie schon eingerichtet.',
    MUSTER_STEP_UP_REQUIRED: 'Melden Sie sich in der Anwendung zuerst mit dem an, was Sie schon eingerichtet haben.',
    MUSTER_PROVIDER_FAILED: 'Der Code konnte nicht gesendet werden. Versuchen Sie es noch einmal, oder wählen Sie etwas anderes.',
    MUSTER_NOT_FOUND: 'Das gibt es nicht, oder es gehört schon jemandem.',
    MUSTER_BAD_ARGUMENT: 'Diese Angabe stimmt nicht. Sehen Sie sie noch einmal durch.',
    MUSTER_CONFLICT: 'Das ist vorbei. Beginnen Sie neu.',
    MUSTER_TOKEN_USED: 'Dieser Link ist verbraucht. Holen Sie sich in der Anwendung einen neuen.',
    MUSTER_TOKEN_REFUSED: 'Dieser Link gilt nicht mehr. Holen Sie sich in der Anwendung einen neuen.',
  },
  needsLink: 'Öffnen Sie diese Seite aus der Anwendung, in der Sie angemeldet sind: Sie gibt Ihnen den Link.',
  nothing: 'Zurzeit gibt es für Sie nichts einzurichten.',
  factors: {
    totp: {
      name: 'Authenticator-App',
      about: 'Eine App zeigt jede halbe Minute einen neuen Code.',
      how: 'Mit der App einlesen, dann den Code eingeben, den sie zeigt.',
    },
    hotp: {
      name: 'Authenticator-App mit Zähler',
      about: 'Eine App zeigt auf Wunsch einen neuen Code.',
      how: 'Mit der App einlesen, dann den ersten Code eingeben, den sie zeigt.',
    },
    sms: {
      name: 'SMS',
      about: 'Ein Code kommt auf Ihr Telefon.',
      detail: 'Mobilnummer mit Land',
      how: 'Den Code aus der Nachricht eingeben.',
    },
    voice: {
      name: 'Anruf',
      about: 'Ein Anruf liest einen Code vor.',
      detail: 'Telefonnummer mit Land',
      how: 'Den Code eingeben, den Sie hören.',
    },
    email: { name: 'E-Mail', about: 'Ein Code kommt in Ihr Postfach.', detail: 'E-Mail-Adresse', how: 'Den Code aus der E-Mail eingeben.' },
    push: {
      name: 'App mit Zahl',
      about: 'Ihr Gerät fragt nach der Zahl, die hier steht.',
      how: 'Die Zahl auf dem Gerät eingeben: Es unterschreibt Ihre Antwort.',
    },
    recovery_code: {
      name: 'Wiederherstellungscodes',
      about: 'Zehn Codes auf Papier, wenn nichts anderes zur Hand ist.',
      how: 'Dann einen davon eingeben, damit klar ist, dass Sie sie haben. Er ist damit verbraucht.',
    },
    hardware_otp: {
      name: 'Hardware-Token',
      about: 'Ein Token Ihrer Organisation zeigt Codes.',
      detail: 'Seriennummer auf der Rückseite',
      how: 'Den Code eingeben, den der Token zeigt.',
    },
  },
};

const LANGUAGES: Readonly<Record<string, Words>> = { en, de };

/** The first language that is there of those that the person reads; `?lang=` comes first. */
export function wordsFor(search: string, languages: readonly string[]): { language: string; words: Words } {
  const asked = [new URLSearchParams(search).get('lang'), ...languages].map((each) => each?.slice(0, 2).toLowerCase() ?? '');
  const language = asked.find((each) => Object.hasOwn(LANGUAGES, each)) ?? 'en';
  return { language, words: LANGUAGES[language] ?? en };
}

/** A failure as people read it. */
export function told(error: unknown, words: Words): string {
  const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
  if (!(error instanceof Refusal)) return sentence(error instanceof Error ? error.message : String(error));
  const said = error.clockOffset === undefined ? (words.problems[error.code] ?? sentence(error.message)) : words.clock(error.clockOffset);
  return error.triesLeft ? `${said} ${words.triesLeft(error.triesLeft)}` : said;
}
