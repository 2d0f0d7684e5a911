import { sentenceOf } from '@decloud/protocol/errors'
import type { LeaseView } from '@decloud/protocol/lease-fold'
import { useQuery } from '@tanstack/react-query'
import { useRuntime } from '../../../data/runtime.tsx'
import { endpointQuery } from '../../nodes/index.ts'
import type { Machine } from '../phases.ts'
import { machineQuery } from '../queries/lease.ts'

/** What the node says of the machine, or why it says nothing. */
export const useMachine = (view: LeaseView): Machine => {
  const runtime = useRuntime()
  const { leaseId, node, status } = view
  const live = status === 'Assigned' || status === 'Active'
  const endpoint = useQuery(endpointQuery(runtime, node))
  const machine = useQuery(machineQuery(runtime, leaseId, endpoint.data ?? null, live))
  if (machine.data !== undefined && !machine.isError) return { state: 'known', report: machine.data }
  if (machine.isError) return { state: 'unknown', why: sentenceOf(machine.error) }
  if (endpoint.isError)
    return { state: 'unknown', why: "The node's address could not be read from the chain." }
  if (endpoint.data === null) return { state: 'unknown', why: 'The node has not announced an address.' }
  return { state: 'unknown', why: 'Asking the node.' }
}
