export { fits, freeOf } from './capacity.ts'
export { NodeList } from './components/node-list.tsx'
export { NodePage } from './components/node-page.tsx'
export { endpointQuery, type NodeOffer, nodesQuery } from './queries/nodes.ts'
