import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// One project a room, so that `vitest run --project agent` runs what a change in that room can break.
export default defineConfig({
  test: {
    // Far above what any takes on a quiet machine: machines are shared, and a test that hangs still ends.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Most tests wait for a chain or a process; a file for each core would leave the machine idle.
    maxWorkers: 3,
    // For the commands that tests start by the hundred: half of a command's start is reading its own sources.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'build/compiled') },
    projects: [
      {
        extends: true,
        test: { name: 'protocol', include: ['contracts/protocol/**/*.test.ts', 'test/vectors/**/*.test.ts'] },
      },
      { extends: true, test: { name: 'chain', include: ['chain/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'gossip', include: ['gossip/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'service', include: ['service/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'keeper', include: ['keeper/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'agent', include: ['agent/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'web', include: ['web/test/**/*.test.{ts,tsx}'] } },
      { extends: true, test: { name: 'integration', include: ['test/integration/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        // A quarter of an hour in a guest without KVM: by hand, not in `npm test`.
        test: { name: 'install', include: ['test/install/**/*.test.ts'], hookTimeout: 600_000 },
      },
      {
        extends: true,
        test: {
          name: 'kvm',
          include: ['test/kvm/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
