export { LeasesPage } from './components/leases-page.tsx'
