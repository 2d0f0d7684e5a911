export { type ClockReading, judgeClock, readingsOf } from './clock.ts'
export { type Finding, fault, note, ok } from './finding.ts'
export type { Sight } from './rpc-sight.ts'
export { headAgeLimit, headAgeOf, lookAtRpcs, type RpcView } from './rpcs.ts'
