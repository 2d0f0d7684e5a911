export { fits, freeOf } from './capacity.ts'
export { NodeList } from './components/node-list.tsx'
export { endpointQuery, type NodeOffer, nodesQuery, policyQuery } from './queries/nodes.ts'
