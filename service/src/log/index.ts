export { makeLog } from './log.ts'
export { makeScrub, type Scrub, secretsOfUrl } from './scrub.ts'
