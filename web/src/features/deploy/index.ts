export { DeployPage } from './components/deploy-page.tsx'
export { openFlow } from './open-flow.ts'
