// A user's transaction as one declaration: steps, each with what it asks of the wallet (commit) and how the chain
// shows that it worked (verify). The record of a flow is written before and after every step, so that a reload, a
// closed lid or a wallet that never answers costs nothing: chain state decides what is left to do.
import type { Account, Chain, Client, Hex, Transport } from 'viem'
import type { Runtime } from '../data/runtime.tsx'

export type Signer = Client<Transport, Chain, Account>

export type FlowEnv = { runtime: Runtime; signer: () => Promise<Signer> }

export type FlowStep<P> = {
  id: string
  /** What the wallet is about to ask, in the words of the page. */
  title: string
  /** What goes on while it commits, where that is not the wallet's turn. */
  meanwhile?: string
  /** Whether chain state shows this step done already, whoever did it. */
  achieved: (env: FlowEnv, params: P) => Promise<boolean>
  /** Asks the wallet; the result (a transaction hash or a signature) is kept for verify and for later steps. */
  commit: (env: FlowEnv, params: P, earlier: Readonly<Record<string, Hex>>) => Promise<Hex>
  /** Throws a typed error when what was committed did not take effect; returns when it has. */
  verify: (env: FlowEnv, params: P, committed: Hex) => Promise<void>
}

export type Flow<P> = {
  kind: string
  steps: (params: P) => readonly FlowStep<P>[]
}

export type FlowRecord<P> = {
  params: P
  /** By step id: what the wallet returned. */
  committed: Readonly<Record<string, Hex>>
  /** Steps verified so far. */
  done: number
  failure: { code: string; sentence: string } | null
}

export const newRecord = <P>(params: P): FlowRecord<P> => ({ params, committed: {}, done: 0, failure: null })

/**
 * Takes a flow from where its record stands to its end.
 * @param save called after every change; the last value saved is what a reload resumes from.
 * @param mayAsk whether the wallet may be asked now: after a reload it is not, until the user presses a button.
 * @returns true when all steps are done, false when the next one needs the user.
 * @throws whatever a step threw; the record then still stands at that step.
 */
export const advance = async <P>(
  flow: Flow<P>,
  start: FlowRecord<P>,
  env: FlowEnv,
  save: (record: FlowRecord<P>) => void,
  mayAsk: boolean,
): Promise<boolean> => {
  let record = start
  const write = (change: Partial<FlowRecord<P>>) => {
    record = { ...record, ...change }
    save(record)
  }
  const steps = flow.steps(record.params)
  while (record.done < steps.length) {
    const step = steps[record.done]!
    const committed = record.committed[step.id]
    if (committed !== undefined) {
      try {
        await step.verify(env, record.params, committed)
      } catch (error) {
        if (isFinal(error)) {
          const { [step.id]: _, ...rest } = record.committed
          write({ committed: rest })
        }
        throw error
      }
      write({ done: record.done + 1 })
    } else if (await step.achieved(env, record.params)) {
      write({ done: record.done + 1 })
    } else if (mayAsk) {
      const result = await step.commit(env, record.params, record.committed)
      write({ committed: { ...record.committed, [step.id]: result } })
    } else {
      return false
    }
  }
  return true
}

/** A commitment that can never take effect (reverted, expired): trying again must ask the wallet anew. */
export class CommitmentVoid extends Error {
  constructor(cause: unknown) {
    super('the commitment is void', { cause })
    this.name = 'CommitmentVoid'
  }
}
const isFinal = (error: unknown) => error instanceof CommitmentVoid
