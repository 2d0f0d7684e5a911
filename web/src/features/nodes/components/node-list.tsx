import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { memory } from '../../../data/format.ts'
import { useRuntime } from '../../../data/runtime.tsx'
import { Empty, Failed, Loading } from '../../../ui/states.tsx'
import { nodesQuery } from '../queries/nodes.ts'
import { arrange, REFERENCE, SORTS, type Sort } from '../sort.ts'
import { NodeCard } from './node-card.tsx'
import './nodes.css'

const SORT_NAMES: Readonly<Record<Sort, string>> = {
  price: 'Lowest price',
  capacity: 'Most capacity',
  region: 'Region',
}

export const NodeList = () => {
  const runtime = useRuntime()
  const query = useQuery(nodesQuery(runtime))
  const [search, setSearch] = useState('')
  const [sort, setSort] = useState<Sort>('price')
  if (query.isPending) return <Loading label="Reading nodes from the chain" />
  if (query.isError) {
    return (
      <Failed title="The nodes could not be read" error={query.error} retry={() => void query.refetch()} />
    )
  }
  const { nodes, total, policy } = query.data
  if (nodes.length === 0) {
    return (
      <Empty title="No nodes yet">
        Nobody has registered a machine on this network. As soon as an operator does, it appears here by
        itself.
      </Empty>
    )
  }
  const shown = arrange(nodes, policy, sort, search)
  return (
    <section aria-labelledby="nodes-title" className="stack">
      <div className="nodes-head">
        <div>
          <h2 id="nodes-title">Choose a node</h2>
          <p className="small muted">
            Live from the chain. Prices for {REFERENCE.vcpus} vCPU, {memory(REFERENCE.memoryMiB)} memory,{' '}
            {REFERENCE.diskGiB} GiB disk.
          </p>
        </div>
        <div className="row nodes-tools">
          <label className="sr" htmlFor="node-search">
            Search nodes
          </label>
          <input
            id="node-search"
            className="input"
            type="search"
            placeholder="Region or node"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
          <label className="sr" htmlFor="node-sort">
            Order
          </label>
          <select
            id="node-sort"
            className="input"
            value={sort}
            onChange={(event) => setSort(event.target.value as Sort)}
          >
            {SORTS.map((value) => (
              <option key={value} value={value}>
                {SORT_NAMES[value]}
              </option>
            ))}
          </select>
        </div>
      </div>
      <p className="sr" role="status">
        {shown.length} nodes shown
      </p>
      {shown.length === 0 ? (
        <Empty title="Nothing matches">No node matches “{search}”. Try a region such as “eu”.</Empty>
      ) : (
        <ul className="nodes">
          {shown.map((node) => (
            <NodeCard key={node.node} node={node} policy={policy} />
          ))}
        </ul>
      )}
      {total > nodes.length && (
        <p className="small muted">
          The first {nodes.length} of {total} registered nodes are shown.
        </p>
      )}
    </section>
  )
}
