export { LeasePage } from './components/lease-page.tsx'
