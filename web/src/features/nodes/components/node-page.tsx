import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from 'react-router'
import { moment } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { Badge } from '../../../ui/badge.tsx'
import { Empty, Failed, Loading } from '../../../ui/states.tsx'
import { nodePageQuery, type NodePage as Page } from '../queries/node.ts'
import type { Said } from '../queries/said.ts'
import { NodeSays } from './node-says.tsx'
import './nodes.css'

export const NodePage = () => {
  const text = useParams()['node'] ?? ''
  if (!/^[1-9]\d{0,9}$/.test(text) || Number(text) >= 2 ** 32) {
    return <Empty title="Not a node">A node is named by its number in the registry.</Empty>
  }
  return <Node key={text} node={Number(text)} />
}

const Node = ({ node }: { node: number }) => {
  const query = useQuery(nodePageQuery(useRuntime(), node))
  return (
    <div className="stack">
      <header>
        <p className="small">
          <Link to="/">All nodes</Link>
        </p>
        <h1>Node {node}</h1>
      </header>
      {query.isPending && <Loading label="Reading the node" rows={2} />}
      {query.isError && (
        <Failed title="The node could not be read" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isSuccess && <Known page={query.data} node={node} />}
    </div>
  )
}

const Known = ({ page: { agent, said }, node }: { page: Page; node: number }) => {
  if (agent === null) return <Empty title="No such node">The registry has no node {node}.</Empty>
  if (said === null) {
    return (
      <Empty title="No keeper is configured">
        What a node says of its machine is kept by keepers; prices and room are on the chain.
      </Empty>
    )
  }
  return (
    <>
      {said.kind === 'said' && <NodeSays signed={said.facts.signed} />}
      {said.kind === 'silent' && (
        <Empty title="Nothing was heard of it">
          The keeper has nothing that this node says of its machine, or does not answer.
        </Empty>
      )}
      {said.kind === 'forged' && (
        <Empty title="Not shown">
          The keeper gave a statement that the agent of this node has not signed. Somebody made it up.
        </Empty>
      )}
      <Audits attributes={said.attributes} />
    </>
  )
}

/** Beside the node's own word, that of others: on chain, signed by each auditor, and as good as the auditor. */
const Audits = ({ attributes }: Pick<Said, 'attributes'>) => (
  <section className="card stack" aria-labelledby="audits-title">
    <h2 id="audits-title">What auditors attest, on chain</h2>
    {attributes.length === 0 ? (
      <p className="muted">No auditor has attested anything about this node.</p>
    ) : (
      <ul className="audits">
        {attributes.map(({ attribute, name, auditor, issuedAt, expiresAt }) => (
          <li key={`${attribute}${auditor}`}>
            <Badge tone={expiresAt * 1_000 > Date.now() ? 'good' : 'warn'}>
              {name === '' ? attribute : name}
            </Badge>{' '}
            <span className="mono small">{auditor}</span>{' '}
            <span className="small muted">
              {moment(issuedAt)} to {moment(expiresAt)}
            </span>
          </li>
        ))}
      </ul>
    )}
  </section>
)
