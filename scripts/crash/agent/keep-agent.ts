// The agent as a service manager keeps it: killed, it comes back.
import {
  type AgentProcess,
  type AgentProcessOptions,
  startAgentProcess,
} from '../../../test/world/agent-process.ts'

export type AgentKeeper = {
  /** `kill -9`; another one is started as soon as it is gone. Resolves when that is up. */
  kill(): Promise<void>
  url(): string
}

export const keepAgent = async (options: AgentProcessOptions): Promise<AgentKeeper> => {
  let agent: AgentProcess = await startAgentProcess(options)
  return {
    kill: async () => {
      await agent.kill()
      agent = await startAgentProcess(options)
    },
    url: () => agent.url,
  }
}
