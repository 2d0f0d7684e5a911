import { sentenceOf } from '@decloud/protocol/errors'
import type { LeaseView } from '@decloud/protocol/lease-fold'
import { useQuery } from '@tanstack/react-query'
import { useRuntime } from '../../../data/runtime.tsx'
import { type NodeSession, useNodeSession } from '../../node-session/index.ts'
import { endpointQuery } from '../../nodes/index.ts'
import type { Machine } from '../phases.ts'
import { machineQuery } from '../queries/lease.ts'

/** What the node says of the machine, or why it says nothing; and the way to be told. */
export const useMachine = (view: LeaseView): { machine: Machine; session: NodeSession } => {
  const runtime = useRuntime()
  const { leaseId, node, status } = view
  const live = status === 'Assigned' || status === 'Active'
  const endpoint = useQuery(endpointQuery(runtime, node))
  const session = useNodeSession(node, endpoint.data ?? null)
  const machine = useQuery(machineQuery(runtime, leaseId, session.client, live))
  const unknown = (why: string) => ({ machine: { state: 'unknown' as const, why }, session })
  if (endpoint.isError) return unknown("The node's address could not be read from the chain.")
  if (endpoint.data === null) return unknown('The node has not announced an address.')
  if (session.client === null) return unknown('Sign in to the node to see what it is doing.')
  if (machine.isError) return unknown(sentenceOf(machine.error))
  if (machine.data === undefined) return unknown('Asking the node.')
  return { machine: { state: 'known', report: machine.data }, session }
}
