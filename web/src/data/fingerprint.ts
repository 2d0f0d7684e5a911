/** As ssh prints it: `SHA256:` and the unpadded base64 of a 32-byte digest. */
export const fingerprintText = (digest: Uint8Array): string =>
  `SHA256:${btoa(String.fromCharCode(...digest)).replace(/=+$/, '')}`
