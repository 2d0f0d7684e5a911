export { type KeeperConfig, type KeeperConfigInput, parseConfig } from './config/config.ts'
export { type Keeper, type KeeperOptions, makeKeeper } from './context.ts'
