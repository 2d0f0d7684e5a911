/** For the `schema` of a guarded route: which of the document's security schemes open it. */
export const SECURITY = {
  session: [{ session: [] }],
  ticket: [{ session: [] }, { ticket: [] }],
  operator: [{ operator: [] }, { session: [] }],
  insider: [{ session: [] }, { operator: [] }],
}

export const SECURITY_SCHEMES = {
  session: { type: 'http', scheme: 'bearer', description: 'Access token of /v1/session/login' },
  operator: { type: 'http', scheme: 'bearer', description: "The token in the agent's data folder" },
  ticket: {
    type: 'http',
    scheme: 'bearer',
    description: 'A single-use ticket; a WebSocket sends it as the protocol ticket.<ticket>',
  },
} as const
