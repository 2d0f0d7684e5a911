// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { INodeRegistry } from "../../../contracts/src/interfaces/INodeRegistry.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { MockUSDC } from "../../../contracts/src/mocks/MockUSDC.sol";
import { NodeRegistry } from "../../../contracts/src/NodeRegistry.sol";
import { PricePolicy } from "../../../contracts/src/PricePolicy.sol";
import { Capacity, Prices, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { Assertions } from "./Assertions.sol";
import { deploy } from "./Deploy.sol";
import { vm } from "./Vm.sol";

/// @notice The contracts as they are deployed, one node, one tenant with money and an allowance.
abstract contract Fixture is Assertions {
    /// @dev 2 vCPU Standard, 4 GiB, 40 GiB, Standard bandwidth at default prices:
    /// 16/12 × 10,000 + 4 × 5,000 + 40 × 100 = 37,333.3… → 37,334, + 15,000.
    uint256 internal constant PRICE = 52_334;
    uint64 internal constant DEPOSIT = 10_000_000;
    bytes32 internal constant FINGERPRINT = keccak256("host key");

    address internal constant OWNER = address(0xA11);
    address internal constant PLATFORM = address(0xA12);
    address internal constant OPERATOR = address(0xB11);
    address internal constant AGENT = address(0xB12);
    address internal constant STRANGER = address(0xC11);
    uint256 internal constant TENANT_KEY = 0x7E4A47;
    address internal tenant = vm.addr(TENANT_KEY);

    MockUSDC internal usdc;
    PricePolicy internal policy;
    NodeRegistry internal registry;
    LeaseEscrow internal escrow;
    uint32 internal node;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        usdc = newUsdc();
        policy = PricePolicy(deploy("PricePolicy", abi.encode(OWNER)));
        registry = NodeRegistry(deploy("NodeRegistry", abi.encode(policy)));
        escrow = newEscrow(INodeRegistry(address(registry)));
        vm.prank(OPERATOR);
        node = registry.register(registration());
        fund(tenant, 1_000_000_000);
    }

    function newUsdc() internal returns (MockUSDC) {
        address implementation = deploy("MockUSDC", abi.encode(OWNER));
        bytes memory initialize = abi.encodeCall(MockUSDC.initialize, (OWNER));
        return MockUSDC(deploy("FiatTokenProxy", abi.encode(implementation, initialize)));
    }

    function newEscrow(INodeRegistry nodes) internal returns (LeaseEscrow) {
        return
            LeaseEscrow(
                deploy("LeaseEscrow", abi.encode(IERC20(address(usdc)), nodes, policy, OWNER, PLATFORM))
            );
    }

    function fund(address account, uint256 amount) internal {
        vm.prank(OWNER);
        usdc.mint(account, amount);
        vm.prank(account);
        usdc.approve(address(escrow), type(uint128).max);
    }

    function registration() internal pure returns (INodeRegistry.Registration memory) {
        return
            INodeRegistry.Registration({
                machineId: keccak256("machine"),
                agent: AGENT,
                sealingKey: keccak256("sealing key"),
                region: "eu-west",
                minCharge: 60,
                notice: 1 days,
                capacity: Capacity({ pointUnits: 96, memoryMiB: 32_768, diskGiB: 500, gpus: 1 }),
                prices: Prices({ point: 0, memoryGiB: 0, diskGiB: 0, gpu: 0 }),
                endpoint: "https://node.example"
            });
    }

    function terms() internal view returns (Terms memory) {
        return
            Terms({
                tenant: tenant,
                node: node,
                vcpus: 2,
                tier: 1,
                bandwidth: 1,
                gpus: 0,
                memoryMiB: 4096,
                diskGiB: 40,
                region: 0,
                maxPricePerHour: 100_000,
                deposit: DEPOSIT,
                holdBack: 1 hours,
                minNotice: 0,
                activateWithin: 0,
                template: 0,
                templateVersion: 0,
                maxTemplateFee: 0,
                manifestHash: keccak256("manifest"),
                salt: 0
            });
    }

    function opened(Terms memory asked) internal returns (bytes32 leaseId) {
        vm.prank(asked.tenant);
        leaseId = escrow.open(asked, "");
    }

    function activated(Terms memory asked) internal returns (bytes32 leaseId) {
        leaseId = opened(asked);
        vm.prank(AGENT);
        escrow.activate(leaseId, FINGERPRINT);
    }

    function settle(bytes32 leaseId) internal {
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = leaseId;
        escrow.settle(ids);
    }

    function forward(uint256 duration) internal {
        vm.warp(vm.getBlockTimestamp() + duration);
    }
}
