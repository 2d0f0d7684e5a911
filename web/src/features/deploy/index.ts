export { DeployPage } from './components/deploy-page.tsx'
export { type OpenParams, openFlow } from './open-flow.ts'
