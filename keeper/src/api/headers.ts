// The API holds no cookies and public data, so any page may read it.

/** Of every answer. A ready one has no more: it is JSON and says so, which no browser takes for a document. */
export const READY_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  // Requests carry no credentials, so this means every header.
  'access-control-expose-headers': '*',
  'x-content-type-options': 'nosniff',
}

export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  ...READY_HEADERS,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  ...COMMON_HEADERS,
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': 'authorization, content-type, if-none-match, last-event-id',
  'access-control-max-age': '86400',
}
