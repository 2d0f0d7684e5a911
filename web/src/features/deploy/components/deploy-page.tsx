import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from 'react-router'
import { useRuntime } from '../../../data/runtime.tsx'
import { Empty, Failed, Loading } from '../../../ui/states.tsx'
import { nodesQuery } from '../../nodes/index.ts'
import { DeployForm } from './deploy-form.tsx'
import './deploy.css'

export const DeployPage = () => {
  const runtime = useRuntime()
  const index = Number(useParams()['node'])
  const query = useQuery(nodesQuery(runtime))
  if (query.isPending) return <Loading label="Reading the node from the chain" rows={2} />
  if (query.isError) {
    return (
      <Failed title="The node could not be read" error={query.error} retry={() => void query.refetch()} />
    )
  }
  const node = query.data.nodes.find((candidate) => candidate.node === index)
  if (node === undefined) {
    return (
      <Empty
        title="No such node"
        action={
          <Link className="button" data-kind="primary" to="/">
            See all nodes
          </Link>
        }
      >
        There is no node {Number.isInteger(index) ? index : ''} in the registry of this network.
      </Empty>
    )
  }
  return <DeployForm node={node} policy={query.data.policy} />
}
