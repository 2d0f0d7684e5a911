import { DecloudError } from '@decloud/protocol'

/** What goes wrong on the node itself. Its sentence may be shown to the operator and to the tenant. */
export class AgentError extends DecloudError {}
