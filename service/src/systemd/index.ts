export { makeServiceManager, type ServiceManager } from './service-manager.ts'
