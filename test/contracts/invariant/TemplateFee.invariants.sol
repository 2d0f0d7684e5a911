// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ITemplateRegistry } from "../../../contracts/src/interfaces/ITemplateRegistry.sol";
import { LeaseDesk } from "../../../contracts/src/LeaseDesk.sol";
import { LeaseEscrow } from "../../../contracts/src/LeaseEscrow.sol";
import { TemplateRegistry } from "../../../contracts/src/TemplateRegistry.sol";
import { Lease, LeaseStatus, Terms } from "../../../contracts/src/types/DataTypes.sol";
import { deploy } from "../support/Deploy.sol";
import { Fixture } from "../support/Fixture.sol";
import { vm } from "../support/Vm.sol";

/// @notice Leases with a template, taken every way there is.
contract TemplateHandler {
    uint256 public constant MAX_LEASES = 6;
    uint32 public constant FEE = 333_333;

    LeaseEscrow private immutable _ESCROW;
    address private immutable _AGENT;
    Terms private _terms;
    bytes32[] private _ids;
    mapping(bytes32 leaseId => uint256) public refunded;
    /// @notice What went back to the tenant beside the refund of the machine.
    mapping(bytes32 leaseId => uint256) public feeBack;
    mapping(bytes32 name => uint256) public calls;

    constructor(LeaseEscrow escrow, address agent, Terms memory terms) {
        (_ESCROW, _AGENT, _terms) = (escrow, agent, terms);
    }

    function ids() external view returns (bytes32[] memory) {
        return _ids;
    }

    function open(uint256 amount) external {
        if (_ids.length == MAX_LEASES) return;
        Terms memory asked = _terms;
        asked.deposit = uint64(FEE + 10_000 + (amount % 200_000));
        asked.salt = bytes32(_ids.length);
        if (amount % 5 == 0) asked.node = 0;
        vm.prank(asked.tenant);
        _ids.push(_ESCROW.open(asked, ""));
        ++calls["open"];
    }

    function activate(uint256 i) external {
        (bytes32 id, Lease memory lease) = _pick(i);
        if (lease.status != LeaseStatus.Assigned || vm.getBlockTimestamp() > lease.activateBy) return;
        vm.prank(_AGENT);
        _ESCROW.activate(id, 0);
        ++calls["activate"];
    }

    function wait(uint256 duration) external {
        vm.warp(vm.getBlockTimestamp() + 1 + (duration % 40 minutes));
    }

    function topUp(uint256 i) external {
        (bytes32 id, Lease memory lease) = _pick(i);
        if (lease.pricePerHour == 0 || lease.status == LeaseStatus.Ended) return;
        vm.prank(_terms.tenant);
        _ESCROW.topUp(id, 50_000);
        ++calls["topUp"];
    }

    function release(uint256 i) external {
        (bytes32 id, ) = _pick(i);
        try _ESCROW.releaseTemplateFee(id) {
            ++calls["release"];
        } catch {} // solhint-disable-line no-empty-blocks
    }

    function finish(uint256 i, uint256 how) external {
        (bytes32 id, Lease memory lease) = _pick(i);
        if (lease.status == LeaseStatus.None || lease.status == LeaseStatus.Ended) return;
        bool late = lease.startedAt == 0 && vm.getBlockTimestamp() > lease.activateBy;
        uint256 before = _ESCROW.balanceOf(_terms.tenant);
        uint256 expected = _ESCROW.refundable(id);
        (, uint32 held, ) = _ESCROW.templateFeeOf(id);
        if (late && how % 2 == 0) {
            _ESCROW.expire(id);
            ++calls["expire"];
        } else {
            vm.prank(_terms.tenant);
            _ESCROW.close(id, address(0));
            ++calls["close"];
        }
        uint256 back = _ESCROW.balanceOf(_terms.tenant) - before;
        require(back == expected, "the view names the refund");
        uint256 machine = _ESCROW.leaseOf(id).deposited - _ESCROW.due(id, type(uint40).max);
        refunded[id] = machine;
        feeBack[id] = back - machine;
        require(feeBack[id] == 0 || feeBack[id] == held, "all of the fee or none");
    }

    function settle() external {
        _ESCROW.settle(_ids);
    }

    function _pick(uint256 i) private view returns (bytes32 id, Lease memory lease) {
        if (_ids.length != 0) id = _ids[i % _ids.length];
        lease = _ESCROW.leaseOf(id);
    }
}

contract TemplateFeeInvariants is Fixture {
    TemplateHandler internal handler;

    function setUp() public override {
        super.setUp();
        TemplateRegistry templates = TemplateRegistry(deploy("TemplateRegistry", ""));
        vm.prank(STRANGER);
        templates.create(
            "debian",
            ITemplateRegistry.Draft({
                fee: 333_333,
                refundWindow: 1 hours,
                minimum: ITemplateRegistry.MinimumSpec({ vcpus: 1, gpus: 0, memoryMiB: 1024, diskGiB: 3 }),
                contentHash: keccak256("content"),
                content: "content",
                uri: ""
            })
        );
        LeaseDesk desk = LeaseDesk(address(escrow.DESK()));
        vm.prank(OWNER);
        desk.announceTemplates(templates);
        Terms memory asked = terms();
        (asked.vcpus, asked.memoryMiB, asked.diskGiB) = (1, 1024, 3);
        (asked.template, asked.templateVersion, asked.maxTemplateFee) = (1, 1, 333_333);
        handler = new TemplateHandler(escrow, AGENT, asked);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice A fee is held, or with author and platform at 85 and 15, or back with the tenant: never two of them.
    function invariant_22_templateFeesGoOneWayAndSumExactly() external view {
        bytes32[] memory ids = handler.ids();
        uint256 fee = handler.FEE();
        uint256 toPlatform = (fee * 15) / 100;
        uint256 paid;
        uint256 owed = escrow.balanceOf(tenant) + escrow.balanceOf(STRANGER);
        owed += escrow.earnedOf(node) + escrow.earnedOf(0);
        for (uint256 i = 0; i < ids.length; ++i) {
            (, uint32 held, ) = escrow.templateFeeOf(ids[i]);
            uint256 back = handler.feeBack(ids[i]);
            assertTrue(held == 0 || held == fee, "held whole");
            assertTrue(back == 0 || (back == fee && held == 0), "back whole");
            if (held == 0 && back == 0) ++paid;
            Lease memory lease = escrow.leaseOf(ids[i]);
            if (lease.startedAt == 0) assertTrue(held + back == fee, "never active: nobody else's");
            if (lease.status == LeaseStatus.Ended) assertEq(held, 0, "decided at the end");
            owed += held + lease.deposited - lease.settled - handler.refunded(ids[i]);
        }
        assertEq(escrow.balanceOf(STRANGER), paid * (fee - toPlatform), "author");
        assertEq(escrow.earnedOf(0), paid * toPlatform, "platform");
        assertEq(usdc.balanceOf(address(escrow)), owed, "solvent with fees");
    }

    /// @notice Every way is taken.
    function test_handler_takesEveryWay() external {
        for (uint256 i = 0; i < 400; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            if (i % 100 == 0) setUp();
            (uint256 a, uint256 what) = (seed >> 16, seed % 9);
            if (what < 2) handler.open(a);
            else if (what < 4) handler.activate(a);
            else if (what == 4) handler.wait(a);
            else if (what == 5) handler.topUp(a);
            else if (what == 6) handler.release(a);
            else if (what == 7) handler.settle();
            else if (a % 3 == 0) handler.finish(a >> 8, a >> 16);
            _tally("open");
            _tally("release");
            _tally("close");
            _tally("expire");
            _tally("topUp");
        }
        assertTrue(seen["open"] && seen["release"] && seen["close"], "open, release, close");
        assertTrue(seen["expire"] && seen["topUp"], "expire, topUp");
    }

    mapping(bytes32 name => bool) internal seen;

    function _tally(bytes32 name) private {
        if (handler.calls(name) != 0) seen[name] = true;
    }
}
