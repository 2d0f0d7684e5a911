// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";

/// @notice A token that photographs the escrow's books while it is being called.
contract PhotographingToken {
    LeaseEscrow private _escrow;
    bytes32 private _lease;
    address private _account;
    uint32 private _node;
    bytes32 public photo;
    uint256 public calls;

    function aim(LeaseEscrow escrow, bytes32 lease, address account, uint32 node) external {
        (_escrow, _lease, _account, _node, photo) = (escrow, lease, account, node, 0);
    }

    function books() public view returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    _escrow.leaseOf(_lease),
                    _escrow.balanceOf(_account),
                    _escrow.earnedOf(_node),
                    _escrow.earnedOf(0),
                    _escrow.inUse(_node),
                    _escrow.payeeOf(_node)
                )
            );
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address, uint256) external returns (bool) {
        return _shoot();
    }

    function transferFrom(address, address, uint256) external returns (bool) {
        return _shoot();
    }

    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) external {
        _shoot();
    }

    function receiveWithAuthorization(
        address,
        address,
        uint256,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _shoot();
    }

    function _shoot() private returns (bool) {
        photo = books();
        ++calls;
        return true;
    }
}

/// @notice Only time passes here; the invariants do the rest themselves.
contract Clock {
    function wait(uint256 duration) external {
        vm.warp(vm.getBlockTimestamp() + 1 + (duration % 1 days));
    }
}

contract ExternalCallsInvariants is Fixture {
    PhotographingToken internal token;
    LeaseEscrow internal photographed;
    Clock internal clock;

    function setUp() public override {
        super.setUp();
        token = new PhotographingToken();
        photographed = LeaseEscrow(
            deploy("LeaseEscrow", abi.encode(IERC20(address(token)), registry, policy, OWNER, PLATFORM))
        );
        clock = new Clock();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(clock);
    }

    /// @notice After each function that calls the token, the books are what they were during the call.
    function invariant_19_noStorageTouchedAfterAnExternalCall() external {
        Terms memory asked = terms();
        bytes32 id = photographed.leaseIdOf(asked);
        token.aim(photographed, id, tenant, node);
        vm.startPrank(tenant);
        photographed.open(asked, "");
        _same("open");
        photographed.topUp(id, 1000);
        _same("topUp");
        photographed.deposit(77);
        _same("deposit");
        photographed.withdraw(tenant, 7);
        _same("withdraw");
        vm.stopPrank();
        vm.prank(AGENT);
        photographed.activate(id, FINGERPRINT);
        forward(2 hours);
        vm.startPrank(tenant);
        photographed.close(id, tenant);
        _same("close");
        asked.salt = bytes32(uint256(1));
        token.aim(photographed, photographed.leaseIdOf(asked), tenant, node);
        photographed.openWithPermit(asked, "", 0, 0, 0, 0);
        _same("openWithPermit");
        Terms[] memory stack = new Terms[](1);
        asked.salt = bytes32(uint256(2));
        stack[0] = asked;
        token.aim(photographed, photographed.leaseIdOf(asked), tenant, node);
        photographed.openStack(stack, new bytes[](1), false);
        _same("openStack");
        vm.stopPrank();
        asked.salt = bytes32(uint256(3));
        token.aim(photographed, photographed.leaseIdOf(asked), tenant, node);
        photographed.openWithAuthorization(asked, "", 0, 0, "");
        _same("openWithAuthorization");
        photographed.MANDATES().topUpWithAuthorization(
            tenant,
            photographed.leaseIdOf(asked),
            1000,
            0,
            0,
            0,
            ""
        );
        _same("topUpWithAuthorization");
        vm.prank(address(photographed.MANDATES()));
        photographed.withdrawFor(tenant, tenant, 7);
        _same("withdrawFor");
        vm.prank(OPERATOR);
        photographed.withdrawEarned(node, OPERATOR, 1);
        _same("withdrawEarned");
        assertEq(token.calls(), 13, "calls");
    }

    /// @notice Settling a second after activation plus hold-back, or ten years after, costs the same.
    function invariant_21_settleCostIsIndependentOfElapsedTime() external {
        Terms memory asked = terms();
        asked.holdBack = 0;
        asked.deposit = 1_000_000;
        bytes32 soon = activated(asked);
        asked.salt = bytes32(uint256(1));
        bytes32 late = activated(asked);
        forward(1);
        settle(soon);
        settle(late);
        forward(1);
        uint256 first = _cost(soon);
        forward(10 * 365 days);
        uint256 second = _cost(late);
        // Branches differ by a comparison or two, never by a loop.
        assertLe(first > second ? first - second : second - first, 200, "difference in gas");
    }

    function _cost(bytes32 id) private returns (uint256) {
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = id;
        uint256 before = gasleft();
        escrow.settle(ids);
        return before - gasleft();
    }

    function _same(string memory what) private view {
        assertTrue(token.photo() == token.books(), what);
    }
}
