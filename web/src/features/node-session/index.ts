export { malformed } from './ask.ts'
export type { NodeClient } from './client.ts'
export { SignInToNode } from './components/sign-in-to-node.tsx'
export { type NodeSession, useNodeSession } from './hooks/use-node-session.ts'
