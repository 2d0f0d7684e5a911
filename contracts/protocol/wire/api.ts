// The keeper's API, by resource. One schema serves the server (it encodes), the dApp (it decodes) and the OpenAPI
// document. Amounts are µUSDC and prices µUSDC per hour, as decimal strings on the wire and bigint in code; times are
// unix seconds.
export * from './api/figures.ts'
export * from './api/leases.ts'
export * from './api/live.ts'
export * from './api/nodes.ts'
export * from './api/prepare.ts'
export * from './api/problem.ts'
export * from './api/relays.ts'
export * from './api/reviews.ts'
export * from './api/templates.ts'
export * from './api/values.ts'
