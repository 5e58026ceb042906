/** The device of the page: a key of WebCrypto that cannot be taken out of it, as an app keeps one in the keystore of a phone. */
export interface Device {
  publicKey: string;
  /** Signs an answer to a challenge. */
  sign(id: string, answer: string, nonce: string): Promise<string>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;

const base64url = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

export async function makeDevice(): Promise<Device> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  return {
    publicKey: base64url(await crypto.subtle.exportKey('spki', publicKey)),
    async sign(id, answer, nonce) {
      const text = new TextEncoder().encode(`muster-push\n${id}\n${answer}\n${nonce}`);
      return base64url(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, text));
    },
  };
}
