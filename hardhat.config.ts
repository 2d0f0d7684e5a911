import { globSync } from 'node:fs'
import { createRequire } from 'node:module'
import hardhatToolboxViem from '@nomicfoundation/hardhat-toolbox-viem'
import { configVariable, defineConfig } from 'hardhat/config'
import type { HardhatPlugin } from 'hardhat/types/plugins'
import { MIN_PRIORITY_FEE } from './contracts/protocol/deployment.ts'

const require = createRequire(import.meta.url)

// The compiler is the wasm build inside the npm package `solc`: nothing is downloaded at compile time.
const compiler = {
  version: '0.8.37',
  path: require.resolve('solc/soljson.js'),
}

// Tests take the contracts from their artifacts; they themselves need no optimizer, which would take most of the time.
const tests = Object.fromEntries(
  globSync('test/contracts/**/*.sol').map((file) => [
    file,
    { ...compiler, settings: { evmVersion: 'cancun' } },
  ]),
)

/** Hardhat compiles together what has the same settings, by reference: without this, each test is a run of its own. */
const compileTestsTogether: HardhatPlugin = {
  id: 'decloud:compile-tests-together',
  hookHandlers: {
    config: async () => ({
      default: async () => ({
        resolveUserConfig: async (userConfig, resolveConfigurationVariable, next) => {
          const config = await next(userConfig, resolveConfigurationVariable)
          for (const { overrides } of Object.values(config.solidity.profiles)) {
            const [shared] = Object.values(overrides)
            if (shared !== undefined) for (const file of Object.keys(overrides)) overrides[file] = shared
          }
          return config
        },
      }),
    }),
  },
}

// A configuration variable is read when its network is used, from the environment or from Hardhat's own encrypted
// keystore: compiling and testing need none.
const publicNetwork = (name: string, chainId: number) => ({
  type: 'http' as const,
  chainId,
  url: configVariable(`${name}_RPC_URL`),
  accounts: [configVariable(`${name}_DEPLOYER_KEY`)],
  ignition: { maxPriorityFeePerGas: MIN_PRIORITY_FEE[chainId]! },
})

export default defineConfig({
  plugins: [hardhatToolboxViem, compileTestsTogether],
  networks: {
    local: {
      type: 'http',
      chainId: 31_337,
      url: process.env['LOCAL_RPC_URL'] ?? 'http://127.0.0.1:8545',
      accounts: 'remote',
    },
    amoy: publicNetwork('AMOY', 80_002),
    polygon: publicNetwork('POLYGON', 137),
  },
  verify: {
    etherscan: { apiKey: configVariable('ETHERSCAN_API_KEY') },
    blockscout: { enabled: false },
    sourcify: { enabled: false },
  },
  solidity: {
    npmFilesToBuild: ['@openzeppelin/contracts/governance/TimelockController.sol'],
    profiles: {
      default: {
        compilers: [
          {
            ...compiler,
            settings: { evmVersion: 'cancun', viaIR: true, optimizer: { enabled: true, runs: 200 } },
          },
        ],
        overrides: tests,
      },
    },
  },
  test: {
    solidity: {
      profiles: {
        // What `npm test` runs, `npm run test:contracts` and `npm run test:contracts:deep`.
        default: {
          fuzz: { runs: 1_000, showLogs: false },
          invariant: { runs: 64, depth: 64, failOnRevert: true },
        },
        ci: { fuzz: { runs: 10_000 }, invariant: { runs: 300, depth: 100, failOnRevert: true } },
        deep: { fuzz: { runs: 100_000 }, invariant: { runs: 10_000, depth: 100, failOnRevert: true } },
      },
    },
  },
  paths: {
    sources: './contracts/src',
    tests: { solidity: './test/contracts' },
    cache: './build/hardhat/cache',
    artifacts: './build/hardhat/artifacts',
    // Journals of deployments; a rehearsal keeps its own elsewhere.
    ignition: process.env['IGNITION_DIR'] ?? './ignition',
  },
})
